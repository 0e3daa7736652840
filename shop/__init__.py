"""The shop's stream handlers: mails, events, stock and ratings that follow from changes of its table."""
