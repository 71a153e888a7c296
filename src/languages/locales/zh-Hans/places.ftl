place-whole = { $area } · { $network }
place-city-country = { $country } { $city }
place-city = { $city }
place-country = { $country }
place-network = { $organisation }（{ $number }）
place-network-number = { $number }
