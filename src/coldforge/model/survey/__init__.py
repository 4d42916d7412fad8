"""Every way of storing a model side by side: what it takes, what it costs."""
