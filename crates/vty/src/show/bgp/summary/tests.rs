use super::whole_words;

#[test]
fn long_descriptions_end_with_a_word() {
    assert_eq!(whole_words("site T2 east", 20), "site T2 east");
    assert_eq!(whole_words("site T2 east and more words", 20), "site T2 east and");
    assert_eq!(whole_words("abcdefghij klmnopqr stu", 20), "abcdefghij klmnopqr");
    assert_eq!(whole_words("abcdefghij klmnopqrs t", 20), "abcdefghij");
    assert_eq!(whole_words("abcdefghijklmnopqrstuvwxyz", 20), "abcdefghijklmnopqrs");
    assert_eq!(whole_words("ääääää", 4), "äää");
}
