"""The sending side: collect what a receiver lacks and write it in volumes."""
