"""The pages of the centre: city, wards, sites, devices, alerts, audit and accounts."""
