"""The steps of scripts/setup_venv.py."""
