"""``python -m tollgate``: the command line without its console script."""

from tollgate.cli import main

if __name__ == "__main__":
    main()
