import Communicator
print("probe")
