"""The OCI image layout, its index, configs, referrers and export."""
