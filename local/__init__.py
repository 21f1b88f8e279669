"""What a laptop gets from `make run`: real servers, a vendor sandbox, a mailbox, a demo company. Nothing imports it."""
