"""The pages of the app, one file each; `hemodel.app.front` puts them in menus."""
