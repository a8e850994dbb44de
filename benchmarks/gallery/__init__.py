"""What a gallery costs as it grows: results/gallery.md."""
