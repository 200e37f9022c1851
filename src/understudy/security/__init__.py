"""Keys and certificates of a cluster: `authority` makes and signs them, `certificates` looks at them, `keyfiles` says where they are,
`users` which names may stand in those of administrators."""
