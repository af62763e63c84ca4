"""The dialect of two exchanges that say `bid` and `ask`: order rows, tokens over parameters, errors
by name, lists of orders and of pairs."""
