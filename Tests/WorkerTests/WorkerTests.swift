import Testing
import Worker
