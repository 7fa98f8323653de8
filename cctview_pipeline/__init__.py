"""CCTView Pipeline: public traffic-camera frames to vehicles, tracks, journeys and traffic figures."""
