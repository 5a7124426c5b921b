"""The subcommands of `qwen-nb`, one a module, each with `main(argv) -> exit code`."""
