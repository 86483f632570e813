"""Front door of the app: `streamlit run app.py`. The pages are in `hemodel/app/`."""

from hemodel.app.front import main

main()
