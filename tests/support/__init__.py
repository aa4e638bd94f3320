"""What several test rooms share: a portal in memory, a scaled clock, a partner connected to a simulator."""
