"""Sealing secrets: AES-256-GCM, key ring, seal / unseal / rewrap. Ciphers are imported nowhere else."""
