//! How long the offline verifier takes: of straight code, and of large policies compiled here.

use std::fmt::Write;
use std::time::Instant;

use palisade_asm::verify::Rules;
use palisade_asm::{AluOp, Assembler, Cond, Isa, Program, R0, R1, R2, R3, R7, R8, Size};
use palisade_filter::{Access, Buffers, ByteOrder, Target, compile, parse};

/// Checks, loads and comparisons, 10 000 instructions of them.
fn plain() -> Program {
    let mut a = Assembler::new();
    let end = a.label("end");
    a.load(Size::W, R7, R1 + 0).load(Size::W, R8, R1 + 4);
    for number in 0..1250_i16 {
        let (miss, off) = (a.label("miss"), number % 100);
        a.mov(R2, R7).add(R2, i32::from(off) + 4).jump_if(R2, Cond::Gt, R8, end);
        a.load(Size::W, R3, R7 + off).alu32(AluOp::And, R3, 0xffff);
        a.jump_if(R3, Cond::Ne, i32::from(number), miss).mov(R0, 1).mov(R1, 2);
        a.place(miss);
    }
    a.place(end);
    a.mov(R0, 2).exit();
    a.finish().expect("it is a program")
}

/// So many rules of four kinds.
fn policy(rules: u32) -> String {
    let mut text = String::new();
    for rule in 0..rules {
        let (a, b) = (rule / 250, rule % 250);
        match rule % 4 {
            0 => writeln!(text, "drop src 10.{a}.{b}.0/24 tcp dport {}", 1000 + rule),
            1 => writeln!(text, "pass dst 172.16.{b}.0/24 udp sport {}", 2000 + rule),
            2 => writeln!(text, "drop src 2001:db8:{a:x}:{b:x}::/64 tcp flags syn"),
            _ => writeln!(text, "count src 192.168.{b}.{a} length > {}", 100 + rule),
        }
        .expect("a string takes it");
    }
    text + "default pass\n"
}

fn measure(name: &str, program: &Program, rules: Rules) {
    const RUNS: u32 = 10;
    let start = Instant::now();
    let mut followed = 0;
    for _ in 0..RUNS {
        let report = program.verify(&rules).unwrap_or_else(|refusal| panic!("{refusal}"));
        followed = report.processed;
    }
    let time = start.elapsed() / RUNS;
    println!("{name}: {} instructions, {followed} followed, {time:.1?}", program.insns().len());
}

fn main() {
    measure("straight", &plain(), Rules::ROOT);
    for rules in [100, 500, 1000] {
        let policy = parse(&policy(rules)).expect("it is a policy");
        for access in [Access::Pointers, Access::Helpers] {
            let (isa, order, buffers) = (Isa::V3, ByteOrder::Little, Buffers::Multi);
            let target = Target { isa, order, buffers, access };
            let program = compile(&policy, target).expect("it compiles").program;
            measure(&format!("{rules} rules, {access:?}"), &program, Rules::since(5, 18));
        }
    }
}
