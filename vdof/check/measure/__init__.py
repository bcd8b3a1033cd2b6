"""How breathing is measured: points followed, blur over time, causes taken out, a score."""
