"""Commands for the jobs in the store. Each module has one."""
