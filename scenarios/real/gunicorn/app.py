def app(_, start):
    start("200 OK", [])
    return [b""]
