import Testing
import Corpus
