"""Questions asked of networks and laws, one file each; `spectrax list` shows them."""
