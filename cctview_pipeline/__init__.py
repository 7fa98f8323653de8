"""CCTView Pipeline: public traffic-camera frames to vehicles, tracks, journeys and traffic figures."""

import sys

# OpenVINO reports its use to Google Analytics whenever its telemetry package can be imported. Nothing here reports to anyone.
sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]  # the stubs do not know that None forbids an import
