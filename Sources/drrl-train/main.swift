import Trainer
print("drrl")
