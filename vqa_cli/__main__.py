"""`python -m vqa_cli`, and what `accelerate launch -m vqa_cli` starts."""

from vqa_cli.cli import main

if __name__ == "__main__":
    main()
