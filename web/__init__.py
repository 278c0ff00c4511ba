"""The admin portal and its API: pages rendered on the server, for signed-in users."""
