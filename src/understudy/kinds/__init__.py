"""What kind of thing a resource is: each kind described in one module, all of it values and pure functions.

  kind.py       what there is to say of a kind           observed.py   what an action found, in one word
  script.py     action scripts                           address.py    virtual addresses
  application.py programs without a script               network.py    networks
  catalogue.py  all of them, a row each
What a kind does on a server is its agent's (`agents/NAME.py`). Called by: model (types, resources), lane, policy, daemon, executor.
Must never: know a View, a server or a clock; a kind is asked about one resource's attributes.
"""
