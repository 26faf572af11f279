"""The optimiser's loop, the hardware it runs on, and the folder it leaves behind."""
