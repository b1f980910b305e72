"""Does a law describe the matrices that it is meant for?"""
