"""What people change at their own account."""
