"""The hands: one side effect each, in one transaction, safe to run twice. Know no order of steps."""
