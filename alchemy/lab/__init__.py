"""The bench experiments work at: results that were made once are never made again."""
