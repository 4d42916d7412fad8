"""The open side: what a receiver lacks, laid out in volumes and written."""
