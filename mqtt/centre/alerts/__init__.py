"""What is wrong in the city: conditions of devices and sites, one alert for each, and who has seen it."""
