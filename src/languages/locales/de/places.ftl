place-whole = { $area } · { $network }
place-city-country = { $city }, { $country }
place-city = { $city }
place-country = { $country }
place-network = { $organisation } ({ $number })
place-network-number = { $number }
