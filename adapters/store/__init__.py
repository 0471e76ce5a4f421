"""What Patang keeps on disk: the order journal and the account lock."""
