import Testing
import Checkpoint
