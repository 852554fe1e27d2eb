"""What the invented presenter says. The reading texts cover the sounds of their language."""

STATEMENT: dict[str, str] = {
    "zh": "我是林晚，一个虚构的主播。我同意用我的形象和声音制作演示视频。口令：苹果，河流，二十七。",
    "en": (
        "My name is Lin Wan, and I am an invented presenter. I agree that my face and voice are used for this "
        "demonstration. My passcode is apple, river, twenty seven."
    ),
}

READING: dict[str, tuple[str, ...]] = {
    "zh": (
        "大家好，欢迎来到今天的直播间。",
        "我手边的这款保温杯，早上装热水，晚上还是暖的。",
        "杯身是不锈钢，摸起来很舒服，颜色有白、绿、蓝三种。",
        "平时卖¥299，今天只要¥199，还送一个杯刷。",
        "如果你常常出门，放在背包里也不会漏。",
        "我自己用了一年多，盖子、密封圈都没有坏。",
        "下单以后，四十八小时内从仓库发货。",
        "不满意，七天之内可以退，运费我们出。",
        "有问题请打在公屏上。",
        "请先看清楚尺寸，再选择适合你的那一款。",
        "谢谢大家的陪伴，我们明天下午三点再见。",
        "好，开始吧。",
    ),
    "en": (
        "Hello everyone, and welcome to the show. ",
        "This is a bottle for people who never sit still. ",
        "Fill it with tea before work, and it is warm when you come home. ",
        "The body is brushed steel, smooth to hold and easy to wash. ",
        "It usually costs $29.00, and today it is yours for $19.00. ",
        "Put it in your bag, turn it over, and nothing will leak. ",
        "Choose white, green or blue, whichever you enjoy most. ",
        "We ship within 48h, and you may send it back within thirty days. ",
        "Please check the size first, then pick the one that fits. ",
        "Thank you for watching, and see you tomorrow at three o'clock. ",
    ),
}
