use super::*;

#[test]
fn form_of_frr() {
    let mut inner = Obj::new();
    inner.put("b", 1).flag("c", false).opt("d", None::<u8>);
    let mut o = Obj::new();
    o.put("z", inner)
        .put("empty", Obj::new())
        .put("list", vec!["a/b", "\"q\""])
        .put("none", Vec::<u8>::new());
    let text = "{\n  \"z\":{\n    \"b\":1\n  },\n  \"empty\":{\n  },\n  \"list\":[\n    \"a/b\",\n    \"\\\"q\\\"\"\n  ],\n  \
                \"none\":[\n  ]\n}\n";
    assert_eq!(o.pretty(), text);
}
