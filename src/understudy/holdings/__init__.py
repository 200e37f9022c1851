"""What a start may leave on a server outside its own control group: holdings.

  holding.py  the sorts of holding, and the order in which they are ended (pure)
  listing.py  the kill list: the one file that says what is held here, written before each start and read by whoever must end it all
Called by: kinds (which say what a resource holds), executor (writes), guard and keeper (read and end).
"""
