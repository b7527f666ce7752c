//! Random programs of any shape: tests, jumps in both directions, calls, recursion; half of them
//! go forward only, and have no loop.
//!
//! Invariant: whatever the numbers, the program finishes; blocks and functions that nothing leads
//! to are left out.

use std::collections::BTreeSet;

use palisade_asm::{Assembler, Cond, Label, Note, Program, R0, R1, R2};
use proptest::collection::vec;
use proptest::prelude::*;

/// How a block ends; numbers stand for blocks of the same function.
#[derive(Clone, Debug)]
enum End {
    Exit,
    Jump(usize),
    Test(usize, usize),
}

/// A block: how many instructions, which function it calls, how it ends.
#[derive(Clone, Debug)]
struct Shape {
    length: i32,
    calls: Option<usize>,
    end: End,
}

/// Programs of up to three functions of up to `blocks` blocks.
pub fn programs(blocks: usize) -> impl Strategy<Value = Program> {
    let functions = vec(vec(shape(blocks), 1..=blocks), 1..=3);
    (functions, any::<bool>()).prop_map(|(functions, forward)| {
        built(&if forward { forwards(functions) } else { functions })
    })
}

fn shape(blocks: usize) -> impl Strategy<Value = Shape> {
    let end = prop_oneof![
        1 => Just(End::Exit),
        2 => (0..blocks).prop_map(End::Jump),
        4 => (0..blocks, 0..blocks).prop_map(|(a, b)| End::Test(a, b)),
    ];
    let calls = prop_oneof![4 => Just(None), 1 => (0..3_usize).prop_map(Some)];
    (0..5, calls, end).prop_map(|(length, calls, end)| Shape { length, calls, end })
}

/// The same with every jump to a later block and every call to a later function.
fn forwards(mut functions: Vec<Vec<Shape>>) -> Vec<Vec<Shape>> {
    let count = functions.len();
    for (function, blocks) in functions.iter_mut().enumerate() {
        let later = blocks.len();
        for (block, shape) in blocks.iter_mut().enumerate() {
            let after = |to: usize| block + 1 + to % (later - block - 1);
            shape.calls = shape.calls.map(|to| function + 1 + to).filter(|to| *to < count);
            shape.end = match shape.end {
                _ if block + 1 == later => End::Exit,
                End::Exit => End::Exit,
                End::Jump(to) => End::Jump(after(to)),
                End::Test(a, b) => End::Test(after(a), after(b)),
            };
        }
    }
    functions
}

fn targets(end: &End, count: usize) -> Vec<usize> {
    match end {
        End::Exit => Vec::new(),
        End::Jump(to) => vec![to % count],
        End::Test(a, b) => vec![a % count, b % count],
    }
}

/// The blocks that something leads to, by function and number.
fn reached(functions: &[Vec<Shape>]) -> BTreeSet<(usize, usize)> {
    let mut reached = BTreeSet::new();
    let mut open = vec![(0, 0)];
    while let Some((function, block)) = open.pop() {
        if reached.insert((function, block)) {
            let shape = &functions[function][block];
            let count = functions[function].len();
            open.extend(targets(&shape.end, count).into_iter().map(|to| (function, to)));
            open.extend(shape.calls.map(|callee| (callee % functions.len(), 0)));
        }
    }
    reached
}

fn built(functions: &[Vec<Shape>]) -> Program {
    let mut a = Assembler::new();
    let labels: Vec<Vec<Label>> = functions
        .iter()
        .map(|blocks| (0..blocks.len()).map(|block| a.label(format!("b{block}"))).collect())
        .collect();
    let order: Vec<(usize, usize)> = reached(functions).into_iter().collect();
    for (place, &(function, block)) in order.iter().enumerate() {
        let (shape, labels_here) = (&functions[function][block], &labels[function]);
        let next = order.get(place + 1).filter(|next| next.0 == function).map(|next| next.1);
        a.place(labels_here[block]);
        a.note(Note::line(u32::try_from(place).unwrap(), format!("line {function}.{block}")));
        (0..shape.length).for_each(|value| {
            a.mov(if value % 2 == 0 { R0 } else { R2 }, value);
        });
        if let Some(callee) = shape.calls {
            a.call_sub(labels[callee % functions.len()][0]);
        }
        let ends = targets(&shape.end, labels_here.len());
        if let [taken, _] = ends[..] {
            a.jump_if(R1, Cond::Ne, 0, labels_here[taken]);
        }
        match ends.last() {
            None => {
                a.exit();
            }
            Some(to) if next == Some(*to) && ends.len() == 2 => {}
            Some(to) => {
                a.jump(labels_here[*to]);
            }
        }
    }
    a.finish().unwrap_or_else(|error| panic!("{error}"))
}
