"""A client that is not tough: python-tuf takes each target that is named, from METADATA and TARGETS by file."""

import os
import sys

from tuf.api.exceptions import DownloadHTTPError, RepositoryError
from tuf.ngclient import Updater
from tuf.ngclient.fetcher import FetcherInterface


class Files(FetcherInterface):
    def _fetch(self, url):
        try:
            with open(url.removeprefix("file://"), "rb") as file:
                yield file.read()
        except FileNotFoundError as error:
            raise DownloadHTTPError(str(error), 404) from error


repository, trusted, state, *names = sys.argv[1:]
cache = os.path.join(state, "metadata")
os.makedirs(cache, exist_ok=True)
with open(trusted, "rb") as file:
    root = file.read()
try:
    updater = Updater(
        metadata_dir=cache,
        metadata_base_url=f"file://{repository}/metadata/",
        target_dir=state,
        target_base_url=f"file://{repository}/targets/",
        fetcher=Files(),
        bootstrap=root,
    )
    updater.refresh()
    for name in names:
        info = updater.get_targetinfo(name)
        if info is None:
            sys.exit(f"refused: there is no target {name}")
        print(name, info.length, os.path.getsize(updater.download_target(info)))
except RepositoryError as error:
    sys.exit(f"refused: {error}")
