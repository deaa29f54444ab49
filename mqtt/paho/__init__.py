"""The MQTT client on paho-mqtt. The only importer of paho."""
