# SPDX-License-Identifier: LGPL-2.1-or-later
import os
import sys

from PyQt6.QtCore import QCoreApplication, QTimer, QUrl
from PyQt6.QtNetwork import QNetworkAccessManager, QNetworkReply, QNetworkRequest, QSslCertificate, QSslConfiguration

application = QCoreApplication(sys.argv)
configuration = QSslConfiguration.defaultConfiguration()
configuration.setCaCertificates(QSslCertificate.fromPath(os.environ["CA"]))
QSslConfiguration.setDefaultConfiguration(configuration)
manager = QNetworkAccessManager()
reply = manager.get(QNetworkRequest(QUrl(os.environ["URL"])))


def finished():
    print(bytes(reply.readAll()).decode(), end="", flush=True)
    application.exit(reply.error() != QNetworkReply.NetworkError.NoError)


reply.finished.connect(finished)
QTimer.singleShot(15000, lambda: application.exit(2))
sys.exit(application.exec())
