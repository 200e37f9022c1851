"""Makes what is installed: Debian packages and a wheel, the same bytes from the same commit.

Called by `./run package`. Needs what a fresh Debian 12 has (dpkg-deb) and the project's .venv; the machine itself is not changed.
Must never: put into a package what the commit does not hold, besides the dependencies that requirements/runtime.txt names by their hashes.

    main.py          the command: what is made, where to, how far it is
    project.py       the checkout: its version, the time of its commit, its files
    libraries.py     the dependencies of run time, for Debian 12's Python, cached; their licences
    deb.py           a directory and its control file -> a .deb
    understudy.py    everything that is in the package `understudy`
    oracle.py        everything that is in the package `understudy-oracle-paths`
    units.py         the systemd units that are there, and what maintainer scripts must know of them
    copyright.py     the file `copyright`, and the changelog in Debian's form
    typed.py         all that can be typed, from the programs' own parsers
    manpages.py      manual pages from that, and from the page of settings
    roff.py          text and Markdown -> the language of manual pages
    completion.py    completion for bash and zsh
    wheel.py         the wheel
"""
