"""RabbitMQ in place of mosquitto: a configuration for three nodes, and the users."""
