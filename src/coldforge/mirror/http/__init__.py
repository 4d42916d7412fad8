"""The one HTTP client: proxies, certificates, credentials, retries, downloads."""
