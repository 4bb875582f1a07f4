"""The command line, as `studyhall` and as `python -m studyhall`."""

from studyhall.search.common.module_path import leave_out_working_folder


def main() -> None:
    """Run the command line, whose imports are Python's and the libraries' own modules."""
    leave_out_working_folder()
    from studyhall.search.cli.entry import main as run

    run()


if __name__ == "__main__":
    main()
