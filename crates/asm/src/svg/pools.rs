//! Points on a line that each want to be somewhere and have to keep their distance.
//!
//! Of all places that keep the order and the distances, those with the least weighted sum of squares
//! of distances from where the points want to be: points that would come too close form a pool,
//! which stands where its points together want it. Pooling adjacent violators finds that in one pass.

/// Where a point wants to be.
#[derive(Clone, Copy)]
pub(crate) struct Wish {
    /// The sum of the places, each times its weight.
    pub(crate) sum: i64,
    /// The sum of the weights, which is not zero.
    pub(crate) weight: i64,
    /// How far it is at least from the point before it.
    pub(crate) apart: i64,
}

/// Points that stand as close as they may, measured from where the first of them would be.
struct Pool {
    sum: i64,
    weight: i64,
    count: usize,
}

impl Pool {
    fn mean(&self) -> i64 {
        self.sum.div_euclid(self.weight)
    }
}

/// Where the points come to stand.
pub(crate) fn settled(wishes: &[Wish]) -> Vec<i64> {
    let mut pools: Vec<Pool> = Vec::with_capacity(wishes.len());
    let mut offsets = Vec::with_capacity(wishes.len());
    let mut offset = 0;
    for wish in wishes {
        offset += wish.apart;
        offsets.push(offset);
        let sum = wish.sum - offset * wish.weight;
        let mut pool = Pool { sum, weight: wish.weight, count: 1 };
        while let Some(last) = pools.pop_if(|last| last.mean() > pool.mean()) {
            pool.sum += last.sum;
            pool.weight += last.weight;
            pool.count += last.count;
        }
        pools.push(pool);
    }
    let means = pools.iter().flat_map(|pool| std::iter::repeat_n(pool.mean(), pool.count));
    means.zip(offsets).map(|(mean, offset)| mean + offset).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(place: i64, weight: i64) -> Wish {
        Wish { sum: place * weight, weight, apart: 10 }
    }

    #[test]
    fn points_with_room_stand_where_they_want_to() {
        assert_eq!(settled(&[wish(0, 1), wish(10, 1), wish(99, 1)]), [0, 10, 99]);
    }

    #[test]
    fn points_without_room_keep_their_distance_and_the_heavier_ones_their_places() {
        assert_eq!(settled(&[wish(50, 1), wish(50, 1)]), [45, 55]);
        assert_eq!(settled(&[wish(50, 9), wish(50, 1)]), [49, 59]);
        assert_eq!(settled(&[wish(90, 1), wish(10, 1), wish(50, 1)]), [40, 50, 60]);
    }
}
