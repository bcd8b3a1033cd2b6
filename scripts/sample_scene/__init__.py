"""The night scene behind samples/two_shots.mp4: a small ray caster with true depth.

World: metres, y up, the woman stands at the origin. The river lies towards -z, the cafe towards +z.
Rays are `forward + x*right - y*up`, so a ray's parameter t is depth along the optical axis and 1/t is disparity.
"""
