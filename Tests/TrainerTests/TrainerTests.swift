import Testing
import Trainer
